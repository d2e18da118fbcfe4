"""`benchmark trust`: whether failures are flagged, good results are not, intervals cover, and small structures survive."""
