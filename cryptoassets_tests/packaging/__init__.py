"""Tests of the wheels: installed in new environments, away from the checkout."""
