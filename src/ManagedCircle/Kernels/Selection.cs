using System.Numerics;
using System.Runtime.CompilerServices;

namespace ManagedCircle.Kernels;

/// <summary>Selects and sorts numbers, no two of which are equal, without a branch that depends on them: most of the time of either is such a branch.</summary>
/// <remarks>
/// Quicksort around the middle of three, and quickselect around one that a sample says is near the number wanted: that leaves less to select from than a
/// middle would. Where either halves nothing for too long, the runtime's sort.
/// </remarks>
internal static unsafe class Selection
{
    // Numbers that the runtime's sort takes no longer for.
    private const int Few = 24;

    private const int Samples = 15;

    /// <summary>Brings the <paramref name="wanted"/> smallest of <paramref name="count"/> to the front, in any order but the largest of them last.</summary>
    public static void Smallest(ulong* keys, int count, int wanted)
    {
        int target = wanted - 1, low = 0, high = count - 1;
        for (int halvings = 2 * BitOperations.Log2((uint)count); high - low >= Few && halvings > 0; halvings--)
        {
            int middle = Partition(keys, low, high, PlaceNear(keys, low, high, target));
            (low, high) = target < middle ? (low, middle - 1) : target > middle ? (middle + 1, high) : (target, target);
        }

        new Span<ulong>(keys + low, high - low + 1).Sort();
    }

    /// <summary>Sorts <paramref name="count"/> numbers, the smallest first.</summary>
    public static void Sort(ulong* keys, int count) => Sort(keys, 0, count - 1, 2 * BitOperations.Log2((uint)count | 1));

    private static void Sort(ulong* keys, int low, int high, int halvings)
    {
        for (; high - low >= Few && halvings > 0; halvings--)
        {
            int middle = Partition(keys, low, high, PlaceOfMiddle(keys, low, high));
            Sort(keys, low, middle - 1, halvings - 1);
            low = middle + 1;
        }

        if (high > low)
        {
            new Span<ulong>(keys + low, high - low + 1).Sort();
        }
    }

    // Brings what is smaller than the number at a place before it, and returns where that is then.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Partition(ulong* keys, int low, int high, int place)
    {
        ulong pivot = keys[place];
        (keys[place], keys[high]) = (keys[high], pivot);
        ulong* smaller = keys + low;
        for (ulong* next = smaller; next < keys + high; next++)
        {
            ulong key = *next;
            *next = *smaller;
            *smaller = key;
            smaller += key < pivot ? 1 : 0;
        }

        (*smaller, keys[high]) = (pivot, *smaller);
        return (int)(smaller - keys);
    }

    private static int PlaceOfMiddle(ulong* keys, int low, int high)
    {
        int centre = low + ((high - low) / 2);
        ulong a = keys[low], b = keys[centre], c = keys[high], middle = Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
        return middle == a ? low : middle == b ? centre : high;
    }

    [SkipLocalsInit]
    private static int PlaceNear(ulong* keys, int low, int high, int target)
    {
        Span<ulong> samples = stackalloc ulong[Samples];
        Span<int> places = stackalloc int[Samples];
        for (int i = 0; i < Samples; i++)
        {
            places[i] = low + (int)((long)(high - low) * i / (Samples - 1));
            samples[i] = keys[places[i]];
        }

        samples.Sort(places);
        return places[(int)((long)(target - low) * Samples / (high - low + 1))];
    }
}
