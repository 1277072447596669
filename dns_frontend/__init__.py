"""The DNS frontend: follows plans, verifies them, answers from the last good one.

Imports point one way: plan <- wire <- feed | server <- main.
"""
