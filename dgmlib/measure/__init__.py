"""Everything that fills ``results/``: one module for each file there, ``dgmlib measure WHAT`` on the command line.

===============  ============================================================================================
`tables`         Tables 1 and 2, trained and scored; Table 3, counted
`modules`        parameters, FLOPs, time and memory of the modules of Table 3
`superpixels`    our superpixels beside other methods (`baselines`) on BSDS500, and with constants kept aside
`grouping`       groups of every level against labels, beside controls (Fig. 5)
`clicks`         IoU after a simulated user's clicks (Fig. 6)
`gradcam`        pointing game, deletion and insertion of heat maps (Fig. 7)
`predictions`    what trained networks see in the same images (Fig. 4)
`loader`         how fast training samples load
`speed`          what the Deep Grouping Model adds to a network, and how time grows with the input, on one thread
`gpu`            the same on one GPU, with the modules of Table 3 and the images a second of every preset
`evidence`       does the grouping help? UPerNet and three forms of DGM, paired, with intervals
`frozen`         a frozen or a tuned ImageNet backbone
`reading`        which reading of the paper lets the graph be heard
`ablation`       what matters in the Deep Grouping Model: one thing changed at a time
`candidates`     how these two, and `frozen`, train and score on folds of training images
`turns`          networks that take turns on made-up images
`study`          what they share: images -> rows -> csv, json and md, with their provenance
===============  ============================================================================================

Nothing else in dgmlib but the command line, `dgmlib.reproduce` and `dgmlib.plan` imports this package.
"""
