"""Measuring: metrics, data sets, baselines, the paper's figures."""
