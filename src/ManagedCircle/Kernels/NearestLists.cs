using System.Numerics;
using System.Runtime.CompilerServices;

namespace ManagedCircle.Kernels;

/// <summary>The nearest references of each query among those seen so far: all that are wanted, and some more until there is no room.</summary>
/// <remarks>
/// References come in ascending order. One that is as near as the last of those wanted has a higher index than it, and so is none of them: what is not above
/// the threshold never will be. Which references are found, and in which order, depends on nothing else.
/// </remarks>
internal unsafe struct NearestLists : INeighborSink
{
    private ulong* keys;
    private int* counts;
    private int wanted;
    private Admission admission;

    public float* Thresholds { get; private set; }

    /// <summary>Numbers of a list: twice those wanted, so that dropping the rest costs little for each; and some more, as it costs a call.</summary>
    public static int Room(int wanted) => wanted + Math.Max(wanted, Layout.Pack) + Layout.Pack;

    /// <summary>Takes the memory of the lists of so many queries.</summary>
    public static NearestLists Lay(ref Arena arena, int queries, int wanted, in Admission admission) => new()
    {
        keys = arena.Take<ulong>((nint)queries * Room(wanted)),
        counts = arena.Take<int>(queries),
        Thresholds = arena.Take<float>(queries),
        wanted = wanted,
        admission = admission,
    };

    /// <summary>Empties the lists of so many queries.</summary>
    public readonly void Clear(int queries)
    {
        new Span<int>(counts, queries).Clear();
        new Span<float>(Thresholds, queries).Fill(float.NegativeInfinity);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Take(int query, float* similarities, int reference, uint above)
    {
        ulong* list = List(query);
        int count = MakeRoom(query), excluded = admission.ExcludedBy(query);
        for (; above != 0; above &= above - 1)
        {
            int column = BitOperations.TrailingZeroCount(above);
            if (admission.Admits(reference + column, excluded))
            {
                list[count++] = SimilarityKey.Of(similarities[column], reference + column);
            }
        }

        counts[query] = count;
    }

    /// <summary>Adds what another list of the same query holds.</summary>
    public readonly void Add(in NearestLists other, int query)
    {
        ulong* list = List(query), others = other.List(query);
        for (int taken = 0, count = other.counts[query]; taken < count;)
        {
            int held = MakeRoom(query), more = Math.Min(Layout.Pack, count - taken);
            new Span<ulong>(others + taken, more).CopyTo(new Span<ulong>(list + held, more));
            counts[query] = held + more;
            taken += more;
        }
    }

    /// <summary>A query's nearest references, the nearest first: all that are wanted, or all that there are.</summary>
    public readonly ReadOnlySpan<ulong> Sorted(int query)
    {
        int count = counts[query] > wanted ? Drop(query) : counts[query];
        Selection.Sort(List(query), count);
        return new(List(query), count);
    }

    private readonly ulong* List(int query) => keys + ((nint)query * Room(wanted));

    // Returns how many numbers the list holds, once a strip's have room behind them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly int MakeRoom(int query) => counts[query] <= Room(wanted) - Layout.Pack ? counts[query] : Drop(query);

    private readonly int Drop(int query)
    {
        ulong* list = List(query);
        Selection.Smallest(list, counts[query], wanted);
        Thresholds[query] = SimilarityKey.Similarity(list[wanted - 1]);
        return counts[query] = wanted;
    }
}
