"""Open a project in a real QGIS, print what it holds as JSON, and draw it.

Run by ``test_qgis.py`` in the Python that QGIS belongs to, which is seldom the one geomerge is installed in::

    python3 qgis_open.py project.qgz boundaries.gpkg pictures/
"""

from __future__ import annotations

import collections
import json
import pathlib
import sqlite3
import sys
import tempfile

if __name__ == "__main__":  # a test run only looks at this file, in a Python that may have no QGIS
    from qgis.core import (
        Qgis,
        QgsApplication,
        QgsExpressionContextUtils,
        QgsMapRendererParallelJob,
        QgsMapSettings,
        QgsProject,
        QgsVectorLayer,
    )
    from qgis.gui import QgsMapCanvas
    from qgis.PyQt.QtCore import QSize
    from qgis.PyQt.QtGui import QColor, QImage

WIDTH, HEIGHT = 1100, 850


def describe_style(layer: QgsVectorLayer) -> dict:
    """Return the renderer, the legend and the labels of a layer."""
    renderer = layer.renderer()
    described = {"renderer": renderer.type() if renderer else None, "categories": [], "labels": None}
    if described["renderer"] == "categorizedSymbol":
        described["categories"] = [
            [category.value(), category.label(), category.symbol().color().name()] for category in renderer.categories()
        ]
    if layer.labelsEnabled() and layer.labeling():
        settings = layer.labeling().settings()
        described["labels"] = settings.fieldName
        described["label_scale"] = settings.minimumScale if settings.scaleVisibility else None
        text = settings.format()  # kept, because its buffer goes with it
        described["label_buffer"] = text.buffer().enabled()
    return described


def describe_layer(layer: QgsVectorLayer) -> dict:
    """Return where a layer comes from and how it looks."""
    parent = QgsProject.instance().layerTreeRoot().findLayer(layer.id()).parent()
    return {
        "id": layer.id(),
        "group": parent.name(),
        "valid": layer.isValid(),
        "features": layer.featureCount(),
        "crs": layer.crs().authid(),
        **describe_style(layer),
    }


def default_styles(geopackage: str) -> dict:
    """Return the style each table gets when it is added to an empty map, and what QGIS makes of its SLD."""
    with sqlite3.connect(geopackage) as connection:
        rows = connection.execute("SELECT f_table_name, styleSLD FROM layer_styles").fetchall()
    described = {}
    for table, sld in rows:
        layer = QgsVectorLayer(f"{geopackage}|layername={table}", table, "ogr")
        _, loaded = layer.loadDefaultStyle()
        described[table] = {"loaded": loaded, **describe_style(layer)}
        with tempfile.NamedTemporaryFile("w", suffix=".sld", encoding="utf-8") as file:
            file.write(sld)
            file.flush()
            message, read = layer.loadSldStyle(file.name)
        ruled = read and layer.renderer() and layer.renderer().type() == "RuleRenderer"
        rules = layer.renderer().rootRule().children() if ruled else []
        described[table]["sld"] = read or message
        described[table]["sld_rules"] = [[rule.label(), rule.symbol().color().name()] for rule in rules]
    return described


def draw(layers: list, canvas: QgsMapCanvas, path: pathlib.Path) -> dict:
    """Draw layers to a PNG and return its colours with their numbers of pixels."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(QgsProject.instance().crs())
    settings.setExtent(canvas.extent())
    settings.setOutputSize(QSize(WIDTH, HEIGHT))
    settings.setBackgroundColor(QColor("white"))
    context = settings.expressionContext()
    context.appendScope(QgsExpressionContextUtils.globalScope())
    settings.setExpressionContext(context)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage().convertToFormat(QImage.Format_RGB32)
    image.save(str(path))
    pixels = memoryview(image.constBits().asstring(image.sizeInBytes())).cast("I")
    counts = collections.Counter(pixels)
    return {
        "errors": [error.message for error in job.errors()],
        "colors": {f"#{color & 0xFFFFFF:06x}": count for color, count in counts.most_common(400)},
    }


def main(project_path: str, geopackage: str, pictures: str) -> None:
    """Open, describe, draw."""
    application = QgsApplication([], True)
    application.initQgis()
    project = QgsProject.instance()
    canvas = QgsMapCanvas()
    canvas.setObjectName("theMapCanvas")
    canvas.resize(WIDTH, HEIGHT)
    opened = project.read(project_path)
    root = project.layerTreeRoot()
    themes = project.mapThemeCollection()
    layers = project.mapLayers().values()
    shown = [layer for layer in root.layerOrder() if root.findLayer(layer.id()).isVisible()]
    folder = pathlib.Path(pictures)
    views = {"opened": shown} | {name: themes.mapThemeVisibleLayers(name) for name in themes.mapThemes()}
    extent = canvas.extent()
    described = {
        "qgis": Qgis.QGIS_VERSION,
        "opened": opened,
        "error": project.error(),
        "title": project.title(),
        "crs": project.crs().authid(),
        "crs_name": project.crs().description(),
        "path_type": project.readEntry("Paths", "/Absolute")[0],
        "extent": [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
        "groups": [[group.name(), group.itemVisibilityChecked()] for group in root.findGroups()],
        "order": [layer.name() for layer in root.layerOrder()],
        "layers": {layer.name(): describe_layer(layer) for layer in layers},
        "views": {name: [layer.name() for layer in content] for name, content in views.items()},
        "pictures": {name: draw(content, canvas, folder / f"{name}.png") for name, content in views.items()},
        "default_styles": default_styles(geopackage),
    }
    # After a change of theme and a save, nothing may be lost and no path become absolute.
    copy = pathlib.Path(project_path).with_name("saved_again.qgs")
    described["saved_again"] = project.write(str(copy))
    print(json.dumps(described, ensure_ascii=False))
    del canvas
    application.exitQgis()


if __name__ == "__main__":
    main(*sys.argv[1:])
