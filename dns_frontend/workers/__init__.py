"""Several processes that answer for one frontend, the first of which follows the registries."""
