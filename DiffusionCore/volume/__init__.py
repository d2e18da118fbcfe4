"""`Volume`, its files, geometry and intensity: a scan as voxels with their place in the patient."""
