"""Tests of the transforms, on one local SparkSession."""
