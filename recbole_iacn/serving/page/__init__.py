"""A page on which interests can be looked at and changed: one HTML file that needs no network."""

MAPS = ("auto", "tsne", "pca", "none")  # how the map of all items is made
