"""Measurements that fill ``results/``: one module per file there, run as ``dgmlib measure WHAT``.

===============  ============================================================================================
`tables`         Tables 1 and 2, trained and scored; Table 3, counted
`modules`        parameters, FLOPs, time and memory of the modules of Table 3
`superpixels`    our superpixels against other methods (`baselines`) on BSDS500, and with cross-validated constants
`grouping`       groups of every level against labels, with controls (Fig. 5)
`clicks`         IoU after a simulated user's clicks (Fig. 6)
`gradcam`        pointing game, deletion and insertion of heat maps (Fig. 7)
`predictions`    predictions of trained networks on the same images (Fig. 4)
`loader`         loading speed of training samples
`speed`          overhead of the Deep Grouping Model and growth of time with input size, on one thread
`gpu`            its overhead on one GPU, with the modules of Table 3 and the training throughput of every preset
`evidence`       does the grouping help? UPerNet and four forms of DGM, paired, with intervals
`frozen`         a frozen against a tuned ImageNet backbone
`reading`        under which reading of the paper the graph contributes
`ablation`       ablation of the Deep Grouping Model: one change at a time
`candidates`     how `frozen`, `reading` and `ablation` train and score on folds of training images
`turns`          interleaved timing of networks on synthetic images
`boundaries`     pixels near the boundaries of label maps, and the boundary F-measure
`compare`        did a reproduction reproduce? New tables against the committed ones
`study`          shared pipeline: images -> rows -> csv, json and md, with their provenance
===============  ============================================================================================

Within dgmlib, only the command line, `dgmlib.reproduce` and `dgmlib.plan` import this package.
"""
