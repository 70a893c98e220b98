"""Prompts for runs that are given none."""

PROMPTS = (
    "Explain in plain words why the sky is blue in the daytime and red at sunset.",
    "Write a short letter to a neighbour whose dog barks every night.",
    "List five things to check before buying a used bicycle, and why each one matters.",
    "Summarise how a bill becomes a law, in steps that a ten-year-old could follow.",
    "What happens, layer by layer, when a web page is opened in a browser?",
    "Give me a recipe for a vegetable soup that uses only what most kitchens have.",
    "Describe the difference between concurrency and parallelism with an everyday example.",
    "Plan a three-day visit to a small coastal town for a family that likes to walk.",
)
