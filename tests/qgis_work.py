"""Work with a project in a real QGIS as people do: look, decide, print, save; print what came of it as JSON.

Run by ``test_qgis_project.py`` in the Python that QGIS belongs to::

    python3 qgis_work.py project.qgz pictures/
"""

from __future__ import annotations

import json
import pathlib
import sys
import time

if __name__ == "__main__":  # a test run only looks at this file, in a Python that may have no QGIS
    from qgis.core import (
        QgsApplication,
        QgsExpression,
        QgsExpressionContext,
        QgsExpressionContextUtils,
        QgsFeatureRequest,
        QgsLayoutExporter,
        QgsLayoutItemLabel,
        QgsMapRendererSequentialJob,
        QgsMapSettings,
        QgsProject,
        QgsRectangle,
        QgsValueRelationFieldFormatter,
        QgsVectorLayer,
    )
    from qgis.gui import QgsMapCanvas
    from qgis.PyQt.QtCore import QSize
    from qgis.PyQt.QtGui import QColor

WIDTH, HEIGHT = 320, 256


def named(name: str) -> QgsVectorLayer:
    """Return a layer of the project by its name."""
    (layer,) = QgsProject.instance().mapLayersByName(name)
    return layer


def draw(layers: list, extent: QgsRectangle, path: pathlib.Path) -> list[str]:
    """Draw layers to a PNG; without labels, whose letters differ from machine to machine."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(QgsProject.instance().crs())
    settings.setExtent(extent)
    settings.setOutputSize(QSize(WIDTH, HEIGHT))
    settings.setBackgroundColor(QColor("white"))
    settings.setFlag(QgsMapSettings.DrawLabeling, False)
    settings.setFlag(QgsMapSettings.Antialiasing, True)
    context = settings.expressionContext()
    context.appendScope(QgsExpressionContextUtils.globalScope())
    settings.setExpressionContext(context)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(str(path))
    return [error.message for error in job.errors()]


def pictures(folder: pathlib.Path, near: QgsRectangle) -> dict:
    """Draw each theme as a whole, and what is near the new border with the layers that follow."""
    project = QgsProject.instance()
    themes = project.mapThemeCollection()
    whole = next(mark.extent() for mark in project.bookmarkManager().bookmarks() if mark.id() == "affected_area")
    errors = []
    for name in themes.mapThemes():
        layers = themes.mapThemeVisibleLayers(name)
        errors += draw(layers, whole, folder / f"{name}.png")
    closer = [layer for layer in project.layerTreeRoot().layerOrder() if layer.name() in ("Parcels", "Addresses")]
    after = themes.mapThemeVisibleLayers("Review")
    units = [layer for layer in after if layer.name() == "Units"]
    layers = [layer for layer in after if layer not in units] + closer + units
    errors += draw(layers, near, folder / "Near.png")
    far = [layer.name() for layer in closer if layer.isInScaleRange(200_000)]
    return {"themes": themes.mapThemes(), "errors": errors, "seen_from_far": far}


def offered(layer: QgsVectorLayer) -> dict:
    """Return what the drop-down of each row offers: value and text."""
    setup = layer.editorWidgetSetup(layer.fields().indexOf("decision"))
    rows = {}
    for feature in layer.getFeatures():
        cache = QgsValueRelationFieldFormatter.createCache(setup.config(), feature)
        rows[str(feature["id"])] = [[item.key, item.value] for item in cache]
    return rows


def form(layer: QgsVectorLayer) -> dict:
    """Return the fields of a form: label, widget, whether it can be written."""
    config = layer.editFormConfig()
    return {
        field.name(): [layer.attributeAlias(at), layer.editorWidgetSetup(at).type(), not config.readOnly(at)]
        for at, field in enumerate(layer.fields())
    }


def decide(layer: QgsVectorLayer) -> dict:
    """Decide the first row, as a person does in the form; return what was written."""
    feature = next(layer.getFeatures(QgsFeatureRequest().setLimit(1)))
    answer = offered(layer)[str(feature["id"])][0][0]
    begun = layer.startEditing()
    changed = layer.changeAttributeValue(feature.id(), layer.fields().indexOf("decision"), answer)
    saved = layer.commitChanges()
    again = layer.getFeature(feature.id())
    return {
        "id": str(feature["id"]), "answer": answer, "done": [begun, changed, saved], "faults": layer.commitErrors(),
        "decided_by": str(again["decided_by"]), "account": QgsApplication.userLoginName(),
    }  # fmt: skip


def methods(layer: QgsVectorLayer) -> dict:
    """Return how many features each line of a legend has, and how long it took to join what it takes."""
    started = time.monotonic()
    context = QgsExpressionContextUtils.globalProjectLayerScopes(layer)
    expression, counted = QgsExpression(layer.renderer().classAttribute()), {}
    filled = QgsExpressionContext(context)
    for feature in layer.getFeatures():
        filled.setFeature(feature)
        value = expression.evaluate(filled)
        counted[value] = counted.get(value, 0) + 1
    words = {category.value(): category.label() for category in layer.renderer().categories()}
    return {"rows": {words.get(value, value): n for value, n in counted.items()}, "seconds": time.monotonic() - started}


def main(project_path: str, folder: str) -> None:
    """Open, look, decide, print, save, and open again."""
    started = time.monotonic()
    application = QgsApplication([], True)
    application.initQgis()
    project, pages = QgsProject.instance(), pathlib.Path(folder)
    canvas = QgsMapCanvas()
    canvas.setObjectName("theMapCanvas")
    found = {"opened": project.read(project_path), "open_seconds": time.monotonic() - started}
    layers = project.mapLayers().values()
    found["invalid"] = [layer.name() for layer in layers if not layer.isValid()]
    found["fixed"] = sorted(layer.name() for layer in layers if layer.readOnly())
    found["aside"] = sorted(layer.name() for layer in layers if layer.flags() & layer.Private)
    found["scales"] = {layer.name(): layer.minimumScale() for layer in layers if layer.hasScaleBasedVisibility()}
    found["bookmarks"] = {
        mark.name(): [
            mark.extent().xMinimum(),
            mark.extent().yMinimum(),
            mark.extent().xMaximum(),
            mark.extent().yMaximum(),
        ]
        for mark in project.bookmarkManager().bookmarks()
    }
    new = [line.geometry().boundingBox() for line in named("Boundary lines").getFeatures("\"status\" = 'new'")]
    centre = new[0].center()
    near = QgsRectangle(centre.x() - 750, centre.y() - 600, centre.x() + 750, centre.y() + 600)
    found["pictures"] = pictures(pages, near)
    layout = project.layoutManager().layoutByName("Before and after")
    size = layout.pageCollection().page(0).pageSize()
    exporter = QgsLayoutExporter(layout)
    settings = QgsLayoutExporter.PdfExportSettings()
    settings.dpi = 96
    found["pdf"] = exporter.exportToPdf(str(pages / "layout.pdf"), settings) == QgsLayoutExporter.Success
    found["page"] = [size.width(), size.height()]
    found["printed"] = [item.text() for item in layout.items() if isinstance(item, QgsLayoutItemLabel)]
    image = QgsLayoutExporter.ImageExportSettings()
    image.dpi = 60
    exporter.exportToImage(str(pages / "layout.png"), image)
    reviews = [layer for layer in layers if layer.name().startswith("Review: ")]
    found["offered"] = {layer.name(): offered(layer) for layer in reviews}
    found["forms"] = {layer.name(): form(layer) for layer in reviews}
    found["methods"] = {layer.name(): methods(layer) for layer in layers if layer.vectorJoins()}
    found["decided"] = {layer.name(): decide(layer) for layer in reviews}
    again = str(pathlib.Path(project_path).with_name("again.qgz"))
    found["saved"] = project.write(again)
    project.clear()
    found["opened_again"] = project.read(again)
    found["valid_again"] = all(layer.isValid() for layer in project.mapLayers().values())
    found["joined_again"] = sorted(layer.name() for layer in project.mapLayers().values() if layer.vectorJoins())
    found["bookmarks_again"] = len(project.bookmarkManager().bookmarks())
    reviews = [layer for layer in project.mapLayers().values() if layer.name().startswith("Review: ")]
    found["offered_again"] = {layer.name(): offered(layer) for layer in reviews}
    print(json.dumps(found, ensure_ascii=False))
    del canvas
    application.exitQgis()


if __name__ == "__main__":
    main(*sys.argv[1:])
