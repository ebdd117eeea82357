"""Sovereigns that come from elsewhere, or go there: who they are, what is saved of them, and how it is put back."""
