"""Training classifiers by label diffusion (system S4): configuration, cases, splits, augmentation, the two phases, results.

`training.run.train` comes here when a configuration says `task: classify`.
"""
