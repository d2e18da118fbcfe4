"""Which attributes are read from a DICOM header, and which a derived image keeps, by their module in PS3.3.

Whatever is not named here (private attributes, icons, overlays, worklist references) does not reach a derived image.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy

from pydicom.dataset import Dataset


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# C.7.1.1 Patient, C.7.1.3 Clinical Trial Subject, and what is needed to read their text.
PATIENT = _names(
    "SpecificCharacterSet TimezoneOffsetFromUTC PatientName PatientID IssuerOfPatientID TypeOfPatientID "
    "IssuerOfPatientIDQualifiersSequence OtherPatientIDsSequence PatientBirthDate PatientBirthTime PatientSex "
    "EthnicGroup PatientComments PatientSpeciesDescription PatientSpeciesCodeSequence PatientBreedDescription "
    "PatientBreedCodeSequence BreedRegistrationSequence ResponsiblePerson ResponsiblePersonRole "
    "ResponsibleOrganization QualityControlSubject PatientIdentityRemoved DeidentificationMethod "
    "DeidentificationMethodCodeSequence LongitudinalTemporalInformationModified ClinicalTrialSponsorName "
    "ClinicalTrialProtocolID ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSiteName "
    "ClinicalTrialSubjectID ClinicalTrialSubjectReadingID "
)

# C.7.2.1 General Study, C.7.2.2 Patient Study, C.7.2.3 Clinical Trial Study.
STUDY = _names(
    "StudyInstanceUID StudyDate StudyTime StudyID AccessionNumber IssuerOfAccessionNumberSequence "
    "ReferringPhysicianName StudyDescription PhysiciansOfRecord NameOfPhysiciansReadingStudy "
    "ConsultingPhysicianName ProcedureCodeSequence AdmittingDiagnosesDescription PatientAge "
    "PatientSize PatientWeight PatientSexNeutered PregnancyStatus SmokingStatus MedicalAlerts Allergies "
    "AdditionalPatientHistory ClinicalTrialTimePointID ClinicalTrialTimePointDescription "
)

FRAME_OF_REFERENCE = ("FrameOfReferenceUID", "PositionReferenceIndicator")

# C.7.3.1 General Series and what of C.7.6.1 General Image is about the acquisition, C.7.6.4 Contrast/Bolus.
SERIES = _names(
    "PatientPosition BodyPartExamined Laterality ImageLaterality ProtocolName AnatomicRegionSequence "
    "AnatomicalOrientationType AcquisitionDate AcquisitionTime AcquisitionDateTime AcquisitionNumber "
    "RecognizableVisualFeatures ContrastBolusAgent ContrastBolusAgentSequence ContrastBolusRoute "
    "ContrastBolusVolume ContrastBolusStartTime ContrastBolusStopTime ContrastBolusTotalDose ContrastFlowRate "
    "ContrastFlowDuration ContrastBolusIngredient ContrastBolusIngredientConcentration "
)

LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")
WINDOW = ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction")

# C.8.2.1 CT Image, C.8.3.1 MR Image: how the scan was acquired.
ACQUISITION = {
    "CT": _names(
        "ScanOptions KVP DataCollectionDiameter DistanceSourceToDetector DistanceSourceToPatient GantryDetectorTilt "
        "TableHeight RotationDirection ExposureTime XRayTubeCurrent Exposure ExposureInuAs FilterType GeneratorPower "
        "FocalSpots ConvolutionKernel RevolutionTime SingleCollimationWidth TotalCollimationWidth TableSpeed "
        "TableFeedPerRotation SpiralPitchFactor DataCollectionCenterPatient ReconstructionTargetCenterPatient "
        "ExposureModulationType EstimatedDoseSaving CTDIvol ReconstructionDiameter "
    ),
    "MR": _names(
        "ScanningSequence SequenceVariant ScanOptions MRAcquisitionType SequenceName AngioFlag RepetitionTime "
        "EchoTime EchoTrainLength InversionTime TriggerTime NominalInterval LowRRValue HighRRValue IntervalsAcquired "
        "IntervalsRejected BeatRejectionFlag HeartRate CardiacNumberOfImages TriggerWindow NumberOfAverages "
        "ImagingFrequency ImagedNucleus EchoNumbers MagneticFieldStrength NumberOfPhaseEncodingSteps PercentSampling "
        "PercentPhaseFieldOfView PixelBandwidth ReceiveCoilName TransmitCoilName AcquisitionMatrix "
        "InPlanePhaseEncodingDirection FlipAngle VariableFlipAngleFlag SAR dBdt TemporalPositionIdentifier "
        "NumberOfTemporalPositions TemporalResolution DiffusionBValue DiffusionGradientOrientation "
        "ReconstructionDiameter "
    ),
}

# C.7.5.1 General Equipment: of the scanner, which a derived image names as a contributor (C.12.1.1.5).
EQUIPMENT = _names(
    "Manufacturer ManufacturerModelName InstitutionName InstitutionAddress InstitutionalDepartmentName "
    "StationName DeviceSerialNumber SoftwareVersions "
)

GEOMETRY = _names(
    "ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices Rows Columns "
    "NumberOfFrames"
)

# What is needed to read the image and to tell repeated volumes apart, but is not copied as it is.
_READING = _names(
    "SOPClassUID SOPInstanceUID SeriesInstanceUID SeriesNumber SeriesDescription Modality ImageType "
    "InstanceNumber SamplesPerPixel PhotometricInterpretation BitsAllocated BitsStored HighBit "
    "PixelRepresentation PixelPaddingValue PixelPaddingRangeLimit RescaleSlope RescaleIntercept RescaleType "
    "ModalityLUTSequence BurnedInAnnotation Units DetectorInformationSequence SharedFunctionalGroupsSequence "
    "PerFrameFunctionalGroupsSequence ContributingEquipmentSequence "
)


def header_tags() -> list[str]:
    """Every attribute that is read from a file's header."""
    keywords = {*PATIENT, *STUDY, *FRAME_OF_REFERENCE, *SERIES, *LOSSY, *WINDOW, *EQUIPMENT, *GEOMETRY, *_READING}
    return sorted(keywords.union(*ACQUISITION.values()))


def copy_attributes(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    """Put into `target` those of `keywords` that `source` has, each as an element of its own.

    Of its own, for assigning to an attribute of a `Dataset` changes the element that is there.
    """
    for keyword in keywords:
        if keyword in source:
            element = copy(source[keyword])
            target[element.tag] = element


def duplicate(source: Dataset) -> Dataset:
    """A data set of the same attributes, each as an element of its own."""
    image = Dataset()
    for element in source:
        image[element.tag] = copy(element)
    return image
