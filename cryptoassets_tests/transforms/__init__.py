"""Tests of the transforms; the tests of marts share one local SparkSession."""
