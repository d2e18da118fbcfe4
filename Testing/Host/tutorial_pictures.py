"""Walks through docs/tutorial.md in the test host and writes its pictures, and those of docs/panel-guide.md.

    python Testing/Host/tutorial_pictures.py [enhance] [superres] [classify]

They are rendered in the test host, not in 3D Slicer: panel by Qt, views by Slicer's own displayable managers.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "standins")]
IMAGES = HERE.parents[1] / "docs" / "images"
VIEWS = (760, 380)


def main() -> None:
    """Start the host, do the steps that are asked for, by default all, write the pictures."""
    from slicer_host.launcher import on_path
    from slicer_host.session import Session
    from slicer_host.start import start

    application = start()
    with (
        tempfile.TemporaryDirectory() as folder,
        on_path(Path(folder)),
    ):  # one for both: the worker knows its program's path
        for name, walk in {"enhance": enhance, "superres": superres, "classify": classify}.items():
            if not sys.argv[1:] or name in sys.argv[1:]:
                session = Session(application)
                session.begin()
                walk(session, Path(folder))
                session.end()


def enhance(session: Any, folder: Path) -> None:
    """The ten steps with DiffusionEnhance."""
    import panel_hand
    import slicer
    from slicer_host import hand, pictures

    from DiffusionCore.slicerbridge import layouts

    def views(name: str, width: int = VIEWS[0], height: int = VIEWS[1]) -> None:
        session.views_picture(width, height)  # the views get their sizes
        shown = slicer.mrmlScene.GetFirstNodeByName("MRHeadNoisy enhanced")
        if shown is not None and layouts.ours(layouts.current_layout()):
            layouts.fit(layouts.current_layout(), shown)
        hand.turn()
        pictures.save(session.views_picture(width, height), IMAGES / f"{name}.png")

    noisy, clean = panel_hand.sample("MRHeadNoisy"), panel_hand.sample("MRHeadReference")
    slicer.util.setSliceViewerLayers(background=noisy, fit=True)
    panel = panel_hand.open_panel(session, speed_known=False)
    ui = panel.ui
    panel_hand.ready(panel)
    hand.wait_until(lambda: ui.expectedLabel.text.startswith("about "), panel_hand.PATIENCE)
    pictures.save(session.panel_picture("DiffusionEnhance"), IMAGES / "panel.png")
    hand.set_value(ui.referenceSelector, clean)
    hand.set_value(ui.previewCheckBox, True)
    hand.wait_until(lambda: panel.preview.shown_region is not None, panel_hand.PATIENCE)
    pictures.save(session.slice_picture("Red", 380, 380), IMAGES / "panel-preview.png")
    hand.set_value(ui.previewCheckBox, False)
    hand.click(ui.carefulButton)
    hand.open_section(ui.advancedSection)
    hand.set_value(ui.samplesSpinBox, 4)
    hand.set_value(ui.trustCheckBox, True)
    hand.open_section(ui.advancedSection, False)
    hand.click(ui.applyButton)
    hand.wait_until(lambda: ui.progressBar.value > 300 and "denoise" in ui.stateLabel.text, 3000)
    pictures.save(session.panel_picture("DiffusionEnhance"), IMAGES / "panel-running.png")
    panel_hand.finish(panel, 3000)
    views("panel-side-by-side")
    for way in ("wipe", "difference", "uncertainty", "residual"):
        hand.click(panel.result.way_button(way))
        views(f"panel-{way}")
        hand.click(panel.result.way_button(way))
    hand.click(ui.numbersButton)
    views("panel-numbers", 760, 640)
    panel.keep_in("report", str(folder / "report"))
    panel_hand.finish(panel)
    pictures.save(session.panel_picture("DiffusionEnhance"), IMAGES / "panel-finished.png")
    hand.click(ui.formerLayoutButton)
    panel.worker.shutdown()


def superres(session: Any, _folder: Path) -> None:
    """A part of the head, twice as fine, for the panel's guide."""
    import panel_hand
    from slicer_host import hand, pictures

    panel_hand.small_head("MRHeadReference")
    panel = panel_hand.open_panel(session)
    panel_hand.ready(panel)
    hand.set_value(panel.ui.taskCombo, "Super-resolve")
    panel_hand.apply(panel)
    pictures.save(session.panel_picture("DiffusionEnhance"), IMAGES / "panel-superres.png")
    hand.click(panel.result.way_button("difference"))
    session.views_picture(*VIEWS)  # the views get their sizes
    hand.turn()
    pictures.save(session.views_picture(*VIEWS), IMAGES / "panel-superres-difference.png")
    panel.worker.shutdown()


def classify(session: Any, _folder: Path) -> None:
    """The six steps with DiffusionClassify."""
    import classify_hand
    import panel_hand
    from slicer_host import hand, pictures

    head = panel_hand.sample("MRHeadReference")
    panel = classify_hand.open_panel(session)
    ui = panel.ui
    place = classify_hand.box(classify_hand.middle(head), 48.0)
    hand.set_value(ui.roiSelector, place)
    panel_hand.apply(panel)
    pictures.save(session.panel_picture("DiffusionClassify"), IMAGES / "classify-abstained.png")
    hand.open_section(ui.advancedSection)
    hand.set_value(ui.forceCheckBox, True)
    hand.open_section(ui.advancedSection, False)
    panel_hand.apply(panel)
    pictures.save(session.panel_picture("DiffusionClassify"), IMAGES / "classify-panel.png")
    place.GetDisplayNode().SetVisibility(False)
    hand.set_value(ui.thresholdSlider, 0.1)
    session.views_picture(640, 640)  # the views get their sizes
    panel.result.look()
    hand.turn()
    pictures.save(session.views_picture(640, 640), IMAGES / "classify-views.png")
    panel.worker.shutdown()


if __name__ == "__main__":
    main()
