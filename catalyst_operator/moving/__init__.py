"""`backup`, `restore` and `give-away`: commands of administrators, who have kubectl and its rights."""
