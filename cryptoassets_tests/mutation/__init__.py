"""Mutation testing: changes the code in small ways and checks that a unit test fails."""
