"""The registry server: accepts registrations, judges health, publishes plans.

Imports point one way: domain <- ports <- app <- adapters <- main.
"""
