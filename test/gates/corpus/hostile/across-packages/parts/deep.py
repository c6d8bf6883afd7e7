import torch as u
