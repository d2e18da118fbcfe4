"""Classification: what of a scan a classifier is shown, its answer, where it looked, and the files that this becomes."""
