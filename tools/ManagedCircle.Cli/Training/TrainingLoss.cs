namespace ManagedCircle.Cli.Training;

/// <summary>A loss that <c>mcircle train</c> knows by name: Circle loss, of which <c>--gamma</c> and <c>--margin</c> are, or one of pairs.</summary>
internal sealed record TrainingLoss(string Name, PairLossOptions? Options)
{
    /// <summary>Circle loss.</summary>
    public static readonly TrainingLoss Circle = new("circle", null);

    /// <summary>The losses of labelled rows, without weights for classes.</summary>
    public static readonly TrainingLoss[] All =
    [
        Circle,
        new("supcon", PairLossOptions.SupCon()),
        new("multi-similarity", PairLossOptions.MultiSimilarity()),
        new("info-nce", PairLossOptions.InfoNce()),
        new("nca", PairLossOptions.Nca()),
        new("decoupled-contrastive", PairLossOptions.DecoupledContrastive()),
        new("generalized-lifted", PairLossOptions.GeneralizedLiftedCosine()),
    ];

    /// <summary>Makes it.</summary>
    public EmbeddingLoss Create(CircleLossOptions circle) => Options is null ? new CircleLoss(circle) : new PairLoss(Options);
}

/// <summary>What a training with one loss came to.</summary>
internal sealed record TrainedLoss(string Name, double Loss, double LossMilliseconds);
