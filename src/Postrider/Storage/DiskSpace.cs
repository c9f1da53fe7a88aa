namespace Postrider.Storage;

/// <summary>Whether there is room for more mail. Asked by whatever takes mail in, before it is taken.</summary>
/// <param name="freeBytes">Reads what is free; null: of the disk of the data folder. What is free on the disks of a PostgreSQL server cannot be asked: there is room until it says otherwise.</param>
internal sealed class DiskSpace(HubDatabase database, Func<long>? freeBytes)
{
    /// <summary>Below that nothing is taken in: what waits must still be sent and settled, and SQLite needs room for its log.</summary>
    public const long Least = 256L * 1024 * 1024;

    private readonly Func<long> free = freeBytes ?? (() => database.IsInDataFolder ? new DriveInfo(database.DataFolder).AvailableFreeSpace : long.MaxValue);

    public long Free => free();

    public bool IsLow => Free < Least;
}
