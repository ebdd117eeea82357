"""Stories: what a person does with the operator, on the lab's real cluster."""

import pytest

# What its assertions found is told in as much detail as in the stories themselves.
pytest.register_assert_rewrite("e2e.stories.inventory")
