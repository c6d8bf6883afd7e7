from torch import hub as library  # finds prism:no-torch-hub
