"""Everything that fills ``results/``."""
