"""Hold a project open in a real QGIS, with an edit that is not saved; say so, and wait to be told to leave.

Run by ``test_held.py`` in the Python that QGIS belongs to::

    python3 qgis_edit.py project.qgz "Review: Parcels" edit
"""

from __future__ import annotations

import sys

if __name__ == "__main__":  # a test run only looks at this file, in a Python that may have no QGIS
    from qgis.core import QgsApplication, QgsProject


def main(project_path: str, name: str, what: str) -> None:
    """Open, edit or only look, wait, leave."""
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    project.read(project_path)
    (layer,) = project.mapLayersByName(name)
    rows = list(layer.getFeatures())
    if what == "edit":
        layer.startEditing()
        layer.changeAttributeValue(rows[0].id(), layer.fields().indexOf("note"), "not saved yet")
    print("ready", len(rows), flush=True)
    sys.stdin.readline()
    print("still", sum(1 for _ in layer.getFeatures()), flush=True)
    layer.rollBack()
    project.clear()
    application.exitQgis()


if __name__ == "__main__":
    main(*sys.argv[1:])
