"""Label diffusion against 3D CNNs, its own guidance network, simple features and the majority, on the same cases."""
