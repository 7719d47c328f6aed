namespace ManagedCircle.Kernels;

/// <summary>Finds the smallest of some numbers, no two of which are equal.</summary>
internal static unsafe class Selection
{
    /// <summary>Brings the <paramref name="wanted"/> smallest of <paramref name="count"/> to the front, in any order but the largest of them last.</summary>
    /// <remarks>Hoare's quickselect, around the middle of three.</remarks>
    public static void Smallest(ulong* keys, int count, int wanted)
    {
        int target = wanted - 1, low = 0, high = count - 1;
        while (low < high)
        {
            ulong pivot = Middle(keys[low], keys[low + ((high - low) / 2)], keys[high]);
            int left = low, right = high;
            while (left <= right)
            {
                while (keys[left] < pivot)
                {
                    left++;
                }

                while (keys[right] > pivot)
                {
                    right--;
                }

                if (left <= right)
                {
                    (keys[left], keys[right]) = (keys[right], keys[left]);
                    left++;
                    right--;
                }
            }

            if (target > right && target < left)
            {
                return;
            }

            (low, high) = target <= right ? (low, right) : (left, high);
        }
    }

    private static ulong Middle(ulong a, ulong b, ulong c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));
}
