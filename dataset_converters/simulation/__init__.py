"""Simulate raw files of KuaiSAR with a planted cross-scenario interest."""

from dataset_converters.simulation.simulate import simulate_kuaisar
from dataset_converters.simulation.truth import SimulatedTruth

__all__ = ["SimulatedTruth", "simulate_kuaisar"]
