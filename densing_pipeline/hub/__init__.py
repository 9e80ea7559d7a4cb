"""Models on the Hugging Face Hub: polling, recognition, parameters, release dates, claimed scores."""
