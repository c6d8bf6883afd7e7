import matplotlib  # finds prism:import-root
