"""Polls of remote sources: asked together, landed as received, judged, and reported.

Price lists (`prices.sources`) and score sources (`score_sources`) declare themselves as a `Source`; this
package asks them and keeps what they send. Not here: what a document means (the packages of the
sources), HTTP (`fetch`), and the landing zone (`landing`).
"""
