"""DECIDES. The pure core and the vocabulary that every other room speaks."""
