from .deep import u as t
