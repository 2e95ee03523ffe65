"""`make bench`: what is measured on the real virtual site, and how it compares with yesterday."""
