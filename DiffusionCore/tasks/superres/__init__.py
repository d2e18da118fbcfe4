"""Super-resolution: which models along which axes, the finer grid, the result made consistent with the scan."""
