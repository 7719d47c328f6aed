using System.Diagnostics;

namespace ManagedCircle.Cli.Training;

/// <summary>Trains a projection with the loss.</summary>
internal static class Trainer
{
    // Adam and the normalisation inside the loss make the scale of rows and weights immaterial, so that one rate does for any data.
    private const float LearningRate = 0.02f;

    /// <summary>Moves the projection's weights and bias down the loss for so many batches; the learning rate falls to 0 as half a cosine.</summary>
    /// <returns>The loss of every batch, and the time spent inside the loss.</returns>
    public static (double[] Losses, TimeSpan LossTime) Train(
        Projection projection, LabeledRows rows, BalancedBatches batches, EmbeddingLoss loss, int steps, Action stepDone)
    {
        Adam weights = new(projection.Weights), bias = new(projection.Bias);
        double[] losses = new double[steps];
        TimeSpan lossTime = TimeSpan.Zero;
        for (int step = 0; step < steps; step++)
        {
            LabeledRows batch = rows.Take(batches.Next());
            LabeledRows projected = projection.Apply(batch);
            float[] gradient = new float[projected.Values.Length];

            long start = Stopwatch.GetTimestamp();
            losses[step] = loss.ForwardBackward(new EmbeddingBatch(projected.Values, projected.Labels), gradient).Loss;
            lossTime += Stopwatch.GetElapsedTime(start);

            float learningRate = LearningRate * (1 + MathF.Cos(MathF.PI * step / steps)) / 2;
            weights.Step(projection.WeightGradient(batch, gradient), learningRate);
            bias.Step(projection.BiasGradient(gradient), learningRate);
            stepDone();
        }

        return (losses, lossTime);
    }

    /// <summary>The loss of a batch whose rows all point one way.</summary>
    /// <remarks>For Circle loss <c>gamma (1 - 2 m^2)</c>, and the log of how many pairs of each kind a row has.</remarks>
    public static double CollapsedLoss(LabeledRows rows, BalancedBatches batches, EmbeddingLoss loss)
    {
        long[] labels = [.. batches.Next().Select(row => rows.Labels[row])];
        float[] ones = new float[labels.Length];
        Array.Fill(ones, 1);
        return loss.Forward(new EmbeddingBatch(ones, labels, 1)).Loss;
    }
}
