"""Scores that repositories of the Hub claim: asked for, read, and told apart by rules.

    landed       which models are asked, and what has landed of them
    documents    one landed document to claims: card metadata and evaluation results
    recognition  benchmark, metric, shots and protocol of a claim
    scale        a stated value to a fraction
    table        the table `claimed_scores`, and what of it enters `scores`

Not here: requests (`hub.poll`), and scores from papers and boards (`facts`).
"""
