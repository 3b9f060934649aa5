"""Launch and watch Dagster runs from Airflow 2.11 and 3, over HTTP only.

What goes here: queries, HTTP, waiting, the trigger, the operators and the link, each in its own
module. What stays out: Dagster, the product and its stores. Airflow's environment needs none of
them.
"""
