"""Export to ONNX: a trained model as one file that onnxruntime runs, without PyTorch and RecBole.

The fast path of training packs rows, searches for distinct items and has gradients of its own; a graph cannot have
sizes that depend on values. An export goes another way through the same weights:

    history (B, L) ─┐
                    ├─ item table (items, H), a constant ── plain layers ── scores (B, N)       of a click model
    items (B, N) ───┘                                            │
    columns of the user and of the row ──────────────────────────┘

    history (B, L) ─── item table ── extractor, on padded rows ── interests (B, K, D), active (B, K)    of the family
    times (B, L) ─────────────────────────┘ (TiSASRec)

- ``plain``: the layers that the fast path computes otherwise: means, attention, recurrences, positions.
- ``click_graphs``, ``tower_graph``: the modules that are exported.
- ``graph_inputs``: which inputs they have, and random values for them.
- ``exporting``: the folder that is written, and its comparison with PyTorch.
"""
