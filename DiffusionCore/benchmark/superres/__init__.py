"""Super-resolution compared: interpolation, a regression U-Net and ours on the same coarse test scans."""
