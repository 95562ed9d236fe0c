"""One module a kind of source: delivered objects in, a frame of delivered rows out."""
