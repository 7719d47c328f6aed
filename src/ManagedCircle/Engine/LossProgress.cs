namespace ManagedCircle.Engine;

/// <summary>How far the workers of a call of the loss have come, and what it found.</summary>
internal struct LossProgress
{
    public RowsPacking Packing;

    /// <summary>Units of each step that workers have taken, and units that are done where others wait for them.</summary>
    public SharedCounter Forward, ForwardDone, Reduction, ReductionDone, Backward;

    public LossResult Result;

    /// <summary>Makes ready for a call.</summary>
    public void Reset()
    {
        Packing.Reset();
        (Forward.Value, ForwardDone.Value, Reduction.Value, ReductionDone.Value, Backward.Value) = (0, 0, 0, 0, 0);
        Result = default;
    }
}
