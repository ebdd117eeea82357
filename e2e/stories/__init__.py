"""Stories: what a person does with the operator, on the lab's real cluster."""
