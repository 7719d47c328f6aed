"""Times FAISS's exact search (IndexFlatIP) on one thread, as SearchBenchmarks times ManagedCircle's: the processor time of a call, the least of nine.

    OPENBLAS_NUM_THREADS=1 python3 bench/search-faiss.py DIMENSION REFERENCES NEIGHBORS QUERIES...

Debian has it: apt-get install python3-faiss libopenblas0-pthread; without OpenBLAS it is a plain loop, 25 times slower at 256 queries.
"""
import sys
import time

import faiss
import numpy

dimension, references, neighbors = map(int, sys.argv[1:4])
faiss.omp_set_num_threads(1)
random = numpy.random.default_rng(0)
index = faiss.IndexFlatIP(dimension)
index.add(random.random((references, dimension), dtype=numpy.float32) - 0.5)
for count in map(int, sys.argv[4:]):
    queries = random.random((count, dimension), dtype=numpy.float32) - 0.5
    least = float("inf")
    for run in range(10):
        start = time.process_time()
        index.search(queries, neighbors)
        least = min(least, time.process_time() - start) if run else least
    print(f"{dimension} numbers, {references} references, {count} queries: {1000 * least:.2f} ms")
