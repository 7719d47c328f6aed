using System.Diagnostics;

namespace ManagedCircle.Cli.Training;

/// <summary>Trains a projection with the loss.</summary>
internal static class Trainer
{
    // Adam and the normalisation inside the loss make the scale of rows and weights immaterial, so that one rate does for any data.
    private const float LearningRate = 0.01f;

    /// <summary>Moves the projection's weights down the loss for so many batches; the learning rate falls to 0 as half a cosine.</summary>
    /// <returns>The loss of the last batch, and the time spent inside the loss.</returns>
    public static (double Loss, TimeSpan LossTime) Train(
        Projection projection, LabeledRows rows, BalancedBatches batches, CircleLossOptions options, int steps, Action stepDone)
    {
        using CircleLoss loss = new(options);
        Adam adam = new(projection.Weights);
        (double last, TimeSpan lossTime) = (double.NaN, TimeSpan.Zero);
        for (int step = 0; step < steps; step++)
        {
            LabeledRows batch = rows.Take(batches.Next());
            LabeledRows projected = projection.Apply(batch);
            float[] gradient = new float[projected.Values.Length];

            long start = Stopwatch.GetTimestamp();
            last = loss.ForwardBackward(new EmbeddingBatch(projected.Values, projected.Labels), gradient).Loss;
            lossTime += Stopwatch.GetElapsedTime(start);

            float decay = (1 + MathF.Cos(MathF.PI * step / steps)) / 2;
            adam.Step(projection.WeightGradient(batch, gradient), LearningRate * decay);
            stepDone();
        }

        return (last, lossTime);
    }
}
