"""Models on the Hugging Face Hub: polling, recognition of base models, parameters, release dates."""
