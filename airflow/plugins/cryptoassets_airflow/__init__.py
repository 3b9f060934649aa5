"""Launch and watch Dagster runs from Airflow 2.11 and 3, over HTTP only.

What goes here: one module each for queries, HTTP, waiting, trigger, operators, link. What stays
out: Dagster, the product and its stores; none of them needs to be installed with Airflow.
"""
