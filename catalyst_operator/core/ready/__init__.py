"""What Ready stands for: what is watched on a new cluster, how it is judged, and what has to hold before hand-off."""
