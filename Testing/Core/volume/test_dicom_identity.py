"""Whose a derived series is, and what it says about its making."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from DiffusionCore.errors import UsageError
from DiffusionCore.volume import dicom_derivation
from DiffusionCore.volume.dicom_derivation import DerivationRecord
from DiffusionCore.volume.dicom_read import read_dicom
from DiffusionCore.volume.dicom_write import write_dicom_series
from DiffusionCore.volume.volume import Volume

RECORD = DerivationRecord(
    "enhance",
    "noise reduced by diffusion",
    model="denoise-ct",
    version="1.2.3",
    weights_sha256="0123456789abcdef" * 4,
    parameters={"strength": 0.8, "seed": 7},
    suffix="enhanced",
)


@pytest.fixture
def source(dicom, tmp_path):
    def change(image, k):
        image.AcquisitionTime = f"1200{k:02d}"
        image.PixelPaddingValue = 7
        image.IconImageSequence = []
        image.add_new(0x60003000, "OW", b"\0\0")

    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(), change=change)
    return read_dicom(tmp_path / "in")


def first(folder):
    return pydicom.dcmread(min(folder.iterdir()))


def test_patient_study_and_frame_of_reference_are_the_sources(source, tmp_path):
    write_dicom_series(source, tmp_path / "out", derivation=RECORD)
    image, header = first(tmp_path / "out"), source.meta["dicom"].header
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "StudyDate", "AccessionNumber"):
        assert image[keyword].value == header[keyword].value
    assert image.PatientName == "Müller^Test"
    assert image.FrameOfReferenceUID == header.FrameOfReferenceUID
    assert image.SeriesInstanceUID != header.SeriesInstanceUID
    assert image.SOPInstanceUID != header.SOPInstanceUID


def test_it_says_that_and_how_it_was_derived(source, tmp_path):
    write_dicom_series(source, tmp_path / "out", derivation=RECORD)
    image = first(tmp_path / "out")
    assert list(image.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    assert image.ImageComments == "NOT FOR DIAGNOSTIC USE"
    assert image.BurnedInAnnotation == "NO"
    assert image.SeriesDescription == "Head 2.5 enhanced"
    assert image.SeriesNumber == 1003
    assert image.DerivationDescription.startswith("noise reduced by diffusion; model denoise-ct; weights sha256 0123")
    assert "seed=7; strength=0.8" in image.DerivationDescription
    assert [item.CodeValue for item in image.DerivationCodeSequence] == ["113087", "123110"]
    (reference,) = image.SourceImageSequence
    header = source.meta["dicom"].frames[0].header
    assert reference.ReferencedSOPInstanceUID == header.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == header.SOPClassUID
    assert reference.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"


def test_the_maker_and_the_scanner_are_both_named(source, tmp_path):
    write_dicom_series(source, tmp_path / "out", derivation=RECORD)
    image = first(tmp_path / "out")
    assert (image.Manufacturer, image.ManufacturerModelName, image.SoftwareVersions) == (
        "DiffusionCore",
        "denoise-ct",
        "1.2.3",
    )
    scanner, maker = image.ContributingEquipmentSequence
    assert (scanner.Manufacturer, scanner.ManufacturerModelName) == ("Scanner Works", "One")
    assert scanner.PurposeOfReferenceCodeSequence[0].CodeValue == "109101"
    assert maker.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
    assert RECORD.weights_sha256 in maker.ContributionDescription


def test_only_listed_attributes_pass(source, tmp_path):
    write_dicom_series(source, tmp_path / "out", derivation=RECORD)
    image = first(tmp_path / "out")
    assert not any(element.tag.is_private for element in image)
    assert "IconImageSequence" not in image
    assert 0x60003000 not in image
    assert (image.KVP, image.ConvolutionKernel, image.PatientPosition) == (120, "SOFT", "HFS")


def test_private_attributes_pass_on_request(source, tmp_path):
    write_dicom_series(source, tmp_path / "out", keep_private=True)
    assert first(tmp_path / "out").private_block(0x0029, "TEST PRIVATE")[0x10].value == "private value"


def test_each_slice_takes_the_acquisition_of_its_own_source(source, tmp_path):
    write_dicom_series(source, tmp_path / "out")
    times = [pydicom.dcmread(path).AcquisitionTime for path in sorted((tmp_path / "out").iterdir())]
    assert times == [f"1200{k:02d}" for k in range(5)]


def test_lossy_compression_and_burned_in_text_of_the_source_are_not_forgotten(dicom, tmp_path):
    def change(image, k):
        image.LossyImageCompression, image.LossyImageCompressionRatio = "01", "12.5"
        image.LossyImageCompressionMethod, image.BurnedInAnnotation = "ISO_15444_1", "YES"

    dicom.series(tmp_path / "in", dicom.phantom(), dicom.lps_matrix(), change=change)
    write_dicom_series(read_dicom(tmp_path / "in"), tmp_path / "out")
    image = first(tmp_path / "out")
    assert (image.LossyImageCompression, image.LossyImageCompressionRatio) == ("01", 12.5)
    assert image.BurnedInAnnotation == "YES"


def test_without_a_dicom_source_the_patient_is_new_and_marked(dicom, tmp_path):
    volume = Volume(dicom.phantom(), dicom.ras(dicom.lps_matrix()), "MR")
    write_dicom_series(volume, tmp_path / "out", derivation=RECORD)
    image = first(tmp_path / "out")
    assert str(image.PatientName) == "ANONYMOUS^PATIENT"
    assert image.PatientID.startswith("ANON-") and len(image.PatientID) == 17
    assert image.PatientIdentityRemoved == "YES" and image.DeidentificationMethod
    assert image.PatientBirthDate == "" and "SourceImageSequence" not in image
    assert "SyntheticData" not in image


def test_results_from_one_file_are_one_patient_and_study(dicom, tmp_path):
    grid = dicom.ras(dicom.lps_matrix())
    for n in (1, 2):
        record = DerivationRecord("enhance", source_sha256="cd" * 32, parameters={"seed": n})
        write_dicom_series(Volume(dicom.phantom(seed=n), grid, "MR"), tmp_path / str(n), derivation=record)
    one, two = first(tmp_path / "1"), first(tmp_path / "2")
    assert one.PatientID == two.PatientID == "ANON-CDCDCDCDCDCD"
    assert (one.StudyInstanceUID, one.FrameOfReferenceUID) == (two.StudyInstanceUID, two.FrameOfReferenceUID)
    assert one.SeriesInstanceUID != two.SeriesInstanceUID


def test_a_synthetic_volume_never_inherits_an_identity(source, tmp_path):
    record = DerivationRecord("synthesize", "drawn from noise", model="synth-ct")
    write_dicom_series(source, tmp_path / "out", derivation=record, synthetic=True)
    image, header = first(tmp_path / "out"), source.meta["dicom"].header
    assert image.SyntheticData == "YES"
    assert str(image.PatientName) == "SYNTHETIC^PATIENT"
    text = (tmp_path / "out" / "00001.dcm").read_bytes()
    for secret in (
        "Müller",
        "T-0001",
        "19700101",
        header.StudyInstanceUID,
        header.FrameOfReferenceUID,
        "Scanner Works",
    ):
        assert secret.encode("latin-1") not in text
    assert "SourceImageSequence" not in image
    (maker,) = image.ContributingEquipmentSequence
    assert maker.PurposeOfReferenceCodeSequence[0].CodeValue == "109100"
    with pytest.raises(UsageError, match="synthetic"):
        write_dicom_series(source, tmp_path / "no", source=source.meta["dicom"], synthetic=True)


def test_the_codes_are_those_of_the_standard():
    for value, name in (
        ("113087", codes.DCM.Smoothing),
        ("113085", codes.DCM.SpatialResampling),
        ("123110", codes.DCM.ArtificialIntelligence),
        ("121322", codes.DCM.SourceImageForImageProcessingOperation),
        ("109101", codes.DCM.AcquisitionEquipment),
        ("109102", codes.DCM.ProcessingEquipment),
        ("109100", codes.DCM.SynthesizingEquipment),
    ):
        assert name.value == value
    assert codes.DCM.Smoothing in codes.CID7203.concepts.values()
    used = [code for listed in dicom_derivation._DERIVATIONS.values() for code in listed]
    for value, scheme, meaning in used:
        assert Code(value, scheme, meaning) in {codes.DCM.Smoothing, codes.DCM.SpatialResampling} | {
            codes.DCM.ArtificialIntelligence
        }


def test_what_was_done_can_travel_with_the_volume(source, tmp_path):
    sentence = {"derivation": "noise reduced by model x", "model_sha256": "ef" * 32}
    for name, extra in (("record", {"derivation": RECORD}), ("words", sentence), ("nothing", {})):
        write_dicom_series(Volume(source.voxels, source.ijk_to_ras, "CT", {**source.meta, **extra}), tmp_path / name)
    assert first(tmp_path / "record").SoftwareVersions == "1.2.3"
    words = first(tmp_path / "words")
    assert words.DerivationDescription == f"noise reduced by model x; weights sha256 {'ef' * 32}"
    assert words.SeriesDescription == "Head 2.5 enhanced"
    assert first(tmp_path / "nothing").DerivationDescription == "values unchanged"


def test_an_unknown_task_is_a_usage_error():
    with pytest.raises(UsageError, match="one of enhance"):
        DerivationRecord("beautify")


def test_text_is_plain_and_fits(dicom, tmp_path):
    record = DerivationRecord("enhance", "σ = 3\\4\n" + "x" * 2000, model="m" * 80, suffix="s" * 99)
    write_dicom_series(Volume(dicom.phantom(), np.eye(4), "CT"), tmp_path / "out", derivation=record)
    image = first(tmp_path / "out")
    assert len(image.DerivationDescription) == 1024 and image.DerivationDescription.startswith("? = 3 4")
    assert len(image.ManufacturerModelName) == 64 and len(image.SeriesDescription) <= 64


def test_a_long_description_leaves_room_for_the_suffix(dicom, tmp_path):
    dicom.series(
        tmp_path / "in",
        dicom.phantom(),
        dicom.lps_matrix(),
        change=lambda im, k: setattr(im, "SeriesDescription", "d" * 64),
    )
    write_dicom_series(read_dicom(tmp_path / "in"), tmp_path / "out", derivation=RECORD)
    described = first(tmp_path / "out").SeriesDescription
    assert len(described) == 64 and described.endswith("d enhanced")
