"""Tests of the transforms; those of marts on one local SparkSession."""
