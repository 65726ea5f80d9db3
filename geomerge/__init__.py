"""geomerge: from a dated plan of changes to new boundaries, reassigned parcels and updated layers."""
from geomerge.plan import Plan
from geomerge.pieces import pieces
